// Made by generate.sh. Throw-away keys for tests: they protect nothing.

/// PEM texts. Servers' certificates are for mx.example.com, *.example.net, localhost, 127.0.0.1 and ::1.
public enum TestCertificates {
    /// Decrypts ``encryptedKey``.
    public static let password = "correct horse"

    /// Vouches for ``intermediate``.
    public static let root = """
        -----BEGIN CERTIFICATE-----
        MIIBgTCCASagAwIBAgIUfnRwiSrC1xMsjFt/hpk5GRlMlHEwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAdMRswGQYDVQQDDBJNYWlscmFjZSBUZXN0IFJvb3Qw
        WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARLnWPBMR8nXTxlDMKn4dporM2Usp0r
        FMqmvMWNc6BVICz1XMbD4KGjbXWTUWxS5QT6xdCRRErny/YdWVogUI/do0IwQDAP
        BgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUuTZwPF2A
        aWRlUo2xoVLQs2dQWtEwCgYIKoZIzj0EAwIDSQAwRgIhAMqcOwYctWBFdfHebZIS
        f2mh1G3C0z08GNkxSz75loTtAiEAiYywHy/Z5XML2iTaK2Uq2tZcyECKh/uE30RT
        rsrhjdY=
        -----END CERTIFICATE-----
        """

    /// Vouches for all others.
    public static let intermediate = """
        -----BEGIN CERTIFICATE-----
        MIIBqjCCAU+gAwIBAgIUVqVg4pL0nBbagHFzUVxz3MgR2JIwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAlMSMwIQYDVQQDDBpNYWlscmFjZSBUZXN0IEludGVy
        bWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABO2C1bIUVzNVY621fbl2
        vhLWu8z/J225phJ3XU0NnXVb2PatlkYmVDXo7Y0xerrocakHrkM+ZAgpgbUkK3tZ
        bYWjYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
        BBSLQveQ1yPD9bSEFlKNtLKwWm3ZOzAfBgNVHSMEGDAWgBS5NnA8XYBpZGVSjbGh
        UtCzZ1Ba0TAKBggqhkjOPQQDAgNJADBGAiEA/rRtdn+ILLi5LacGMh9n0mMYbxQx
        o9zJx745QwvezbMCIQCGHodlj4evFqOMXq/tmvct74DV+JwGJyO2eO6+pQnXUw==
        -----END CERTIFICATE-----
        """

    /// P-256, without the chain.
    public static let ecdsaCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICBjCCAaygAwIBAgIUY6rUuVfy7otM+CA704puVY/opf8wCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEc1wKYULYQAyNMGAElwcGfQxO
        eVlrtuByH6ooyF3AgMfoO2J5VOEejaOtTMkqIRIQKF9UGJRfRAFIh1S7uURQpaOB
        wzCBwDAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggr
        BgEFBQcDATAdBgNVHQ4EFgQURXDng0zg3SM/E6/uo46L5rqAjtQwSwYDVR0RBEQw
        QoIObXguZXhhbXBsZS5jb22CDSouZXhhbXBsZS5uZXSCCWxvY2FsaG9zdIcEfwAA
        AYcQAAAAAAAAAAAAAAAAAAAAATAfBgNVHSMEGDAWgBSLQveQ1yPD9bSEFlKNtLKw
        Wm3ZOzAKBggqhkjOPQQDAgNIADBFAiEAtfroIlnI0MTUWhWw+VlT4kOSzmhtlzCv
        KIOes7PP0JcCIEY5e9/Cx+2xBGZc0YRU3cMhkPEGlaWDdSUAohFIQIkd
        -----END CERTIFICATE-----
        """

    /// P-256, with the intermediate certificate.
    public static let ecdsaChain = """
        -----BEGIN CERTIFICATE-----
        MIICBjCCAaygAwIBAgIUY6rUuVfy7otM+CA704puVY/opf8wCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEc1wKYULYQAyNMGAElwcGfQxO
        eVlrtuByH6ooyF3AgMfoO2J5VOEejaOtTMkqIRIQKF9UGJRfRAFIh1S7uURQpaOB
        wzCBwDAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggr
        BgEFBQcDATAdBgNVHQ4EFgQURXDng0zg3SM/E6/uo46L5rqAjtQwSwYDVR0RBEQw
        QoIObXguZXhhbXBsZS5jb22CDSouZXhhbXBsZS5uZXSCCWxvY2FsaG9zdIcEfwAA
        AYcQAAAAAAAAAAAAAAAAAAAAATAfBgNVHSMEGDAWgBSLQveQ1yPD9bSEFlKNtLKw
        Wm3ZOzAKBggqhkjOPQQDAgNIADBFAiEAtfroIlnI0MTUWhWw+VlT4kOSzmhtlzCv
        KIOes7PP0JcCIEY5e9/Cx+2xBGZc0YRU3cMhkPEGlaWDdSUAohFIQIkd
        -----END CERTIFICATE-----
        -----BEGIN CERTIFICATE-----
        MIIBqjCCAU+gAwIBAgIUVqVg4pL0nBbagHFzUVxz3MgR2JIwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAlMSMwIQYDVQQDDBpNYWlscmFjZSBUZXN0IEludGVy
        bWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABO2C1bIUVzNVY621fbl2
        vhLWu8z/J225phJ3XU0NnXVb2PatlkYmVDXo7Y0xerrocakHrkM+ZAgpgbUkK3tZ
        bYWjYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
        BBSLQveQ1yPD9bSEFlKNtLKwWm3ZOzAfBgNVHSMEGDAWgBS5NnA8XYBpZGVSjbGh
        UtCzZ1Ba0TAKBggqhkjOPQQDAgNJADBGAiEA/rRtdn+ILLi5LacGMh9n0mMYbxQx
        o9zJx745QwvezbMCIQCGHodlj4evFqOMXq/tmvct74DV+JwGJyO2eO6+pQnXUw==
        -----END CERTIFICATE-----
        """

    /// The key of ``ecdsaChain``.
    public static let ecdsaKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgA2WtJR09hUv/bbyF
        /+LjhAWfxTU3XXI0gkIOXqFThuOhRANCAARzXAphQthADI0wYASXBwZ9DE55WWu2
        4HIfqijIXcCAx+g7YnlU4R6No61MySohEhAoX1QYlF9EAUiHVLu5RFCl
        -----END PRIVATE KEY-----
        """

    /// The key of ``ecdsaChain``, encrypted with ``password``.
    public static let encryptedKey = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg5b9xxa8T9xgICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPiYGvVZ5WPdJoeP9DhHU2AEgZCP
        D6RfIh9S1tT3WOK8Yf/0xLg3XK/Mp52fFHka84jPcwEip6rs2wopHo6JrTd4m11R
        m2C9Ln1yQ+1OedvKjJbVFjv2jK2dxXM6odePkbdTp9DEoAXY3bet9bYkAZWMmnvk
        0FZ/vr52xOl/B0rMshWyayG6ROBI8EK18bvw5qiHetXtgabY003u8pFQ6idtJ7c=
        -----END ENCRYPTED PRIVATE KEY-----
        """

    /// RSA, 2048 bits, with the intermediate certificate.
    public static let rsaChain = """
        -----BEGIN CERTIFICATE-----
        MIIC0jCCAnegAwIBAgIUEuwqb7C+KsLd799jPms7X863UwUwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoXqaC5DlqJn4NBUY
        gCxCVlyZodWx83BhgnYNj4+eHQ7PV19ZrgRZD78nNi7HASsQXo+YjiKTT1k44c0I
        WOtdTrx0s3dHu6yFBwcGdAgR2hhWaymafmX73pkEtrKcdB0fa4E1I/atwt7B96hI
        OIdZY+7byQHoyBJirFEBG1kKG3sjPQvXFk87VfFwZC3434rqoypquwqoNXl3N4VI
        jMHVhbFn+tEM33P1jOFupuF9k4ZiwzeCfcO/ZoP5WCoJBv3rR6m5W6jAlodrqXut
        DbxeP6065RWJ8NuTLTfQBTfiQ0O6g1G6vxw408Npg49YdTIIdDkZTTVib8HCVcZU
        a3aPuwIDAQABo4HDMIHAMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMG
        A1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBRihEOe8sR+rCfM+U1SRadA9V+M
        +zBLBgNVHREERDBCgg5teC5leGFtcGxlLmNvbYINKi5leGFtcGxlLm5ldIIJbG9j
        YWxob3N0hwR/AAABhxAAAAAAAAAAAAAAAAAAAAABMB8GA1UdIwQYMBaAFItC95DX
        I8P1tIQWUo20srBabdk7MAoGCCqGSM49BAMCA0kAMEYCIQCNGhtHyqbM8ZIuoCnG
        6ady6tgyPh4PzfaJeIQglqMYmgIhALp32IYMrst7d+JryeVmpUwVGQwEVT+mKpqS
        5xi2S+wq
        -----END CERTIFICATE-----
        -----BEGIN CERTIFICATE-----
        MIIBqjCCAU+gAwIBAgIUVqVg4pL0nBbagHFzUVxz3MgR2JIwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSTWFpbHJhY2UgVGVzdCBSb290MCAXDTIwMDEwMTAwMDAwMFoY
        DzIxMjAwMTAxMDAwMDAwWjAlMSMwIQYDVQQDDBpNYWlscmFjZSBUZXN0IEludGVy
        bWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABO2C1bIUVzNVY621fbl2
        vhLWu8z/J225phJ3XU0NnXVb2PatlkYmVDXo7Y0xerrocakHrkM+ZAgpgbUkK3tZ
        bYWjYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQW
        BBSLQveQ1yPD9bSEFlKNtLKwWm3ZOzAfBgNVHSMEGDAWgBS5NnA8XYBpZGVSjbGh
        UtCzZ1Ba0TAKBggqhkjOPQQDAgNJADBGAiEA/rRtdn+ILLi5LacGMh9n0mMYbxQx
        o9zJx745QwvezbMCIQCGHodlj4evFqOMXq/tmvct74DV+JwGJyO2eO6+pQnXUw==
        -----END CERTIFICATE-----
        """

    /// The key of ``rsaChain``.
    public static let rsaKey = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQChepoLkOWomfg0
        FRiALEJWXJmh1bHzcGGCdg2Pj54dDs9XX1muBFkPvyc2LscBKxBej5iOIpNPWTjh
        zQhY611OvHSzd0e7rIUHBwZ0CBHaGFZrKZp+ZfvemQS2spx0HR9rgTUj9q3C3sH3
        qEg4h1lj7tvJAejIEmKsUQEbWQobeyM9C9cWTztV8XBkLfjfiuqjKmq7Cqg1eXc3
        hUiMwdWFsWf60Qzfc/WM4W6m4X2ThmLDN4J9w79mg/lYKgkG/etHqblbqMCWh2up
        e60NvF4/rTrlFYnw25MtN9AFN+JDQ7qDUbq/HDjTw2mDj1h1Mgh0ORlNNWJvwcJV
        xlRrdo+7AgMBAAECggEAAtQvHHj1qDSUtkDdjlB4LXAic6twZyEQX3GdZWbw/UK6
        dVlJYAGM5KttTrpjqEyuiDsmw1Kt8JI4RPuYPYqK0DhmXC1Nd4DoG0pPUO51QmdY
        i2vaqR003BG9LrNfunvQhmWCK1BrSEJdW1VtrBClWCYhxo2YgnmQx49rUz6fk5sK
        mjm7+U4AHjfYmjKsvbqo7y7Wv/nUz18vVo2A1TYUqVkjACtMiqkAatjxufmNiZCE
        98v1ohIvAsNODCXIIQnKQc0+lD4h6Dtpd/UMNSOK+Op7sHTNyWrcr1bx6T0//+BD
        CnLR/BUzmsbqCSRhjE/b66SwLNGZAXX9HBP/8ip5iQKBgQDXTpdvYdWuToLkmU+8
        DMJ+NnF1AoVvO1uKtQdi8ZWfpMPdB4dsC/9CF/yPPeMle3Fs4wDF6tRs3Fhy5ItZ
        XMXvUSOwuaAf4jmCGIZSNT7Xk1fOeKZmouSwwHCho/ljLQA2U+yNn88fLbuqmBSo
        Lw/RktO6DMAd6SoXOWqYPVjj6QKBgQC//5fs7NOsVLONi01tdCxqJAm2/nj2Qvbx
        /JABf1HgmxHPbOCJZnR7qCSJ2X117K2JU7W3JhiTxb76RsuCgfHb5pSTe9AXiWY3
        ezbrANw40ZpjoSW/Hb7wYgYdxYaN0ehWVrb6qXBEODtt1TM6AisruydKiSHkHqRL
        o65XvJJEAwKBgQC5UasksqfybR9a1d78dFsfuYq0dSQW1pd3b1PZRSlNDMuNPsLA
        LB9cazr2rAUMKRE68LSkpfiLbqku0ypiE2lHEKbQoSWC6/wlzygmMDBT6z3DuLM5
        WnHO9QS9DF9GjuBE4r2UNP5YzsteDaKSFFfgQim9VOYzmJKjBMeMHBmbqQKBgGEb
        qkC367uev43Yphm1B33Lqmo2vQF5DyOHZWKMfeIHLHPoEo0MF+AvRAPAz/bj9UWe
        5Cq1Bvs+qgA17Fqe1LAvKHiLx80PvnZTSIyFy9ylDtxTNh86sUctnQBT1mFGiKea
        hkOzjUfD1TMRAS7Wx/T/XLkTMOQLJ3fmWpiflK73AoGAL6i89RxmeQ+OFJMfBt46
        YkS6v63JiAhWXIF04s12nBDkTpsygbcjGRHX3je2eHdmpIEajeQaatnSgUqdkH1w
        V9BAkWH6377cwM+4r7rqMQtXzY+Y+Cg/g/X+bJUaGoq7Seu0S0SoQdeiB37K7b4n
        H/jE5NIglEthY5VM0kWMc5s=
        -----END PRIVATE KEY-----
        """

    /// RSA, 1024 bits: too short for OpenSSL.
    public static let weakCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICTTCCAfOgAwIBAgIUEMpaDQeI/Gq2kO4QLdeUfWw8iG8wCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIBcNMjAwMTAx
        MDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBkxFzAVBgNVBAMMDm14LmV4YW1wbGUu
        Y29tMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCwBFX9QiRN16Z7/6HXq54x
        4+IVmDptY7cYrRTbWbEnuytfwF7nY74L0cJ0mLdNsLeHW7YkqTMVIroT+htJgBHR
        gth3yYwiEi428B7h+9E+47r3bUVhXxodL5rLhNSz3i1Jktwl4dPZMEbvfdsXpFjr
        IlNKBDd8O9bCIbsreoAXtQIDAQABo4HDMIHAMAwGA1UdEwEB/wQCMAAwDgYDVR0P
        AQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBRPtDcaUB9b
        p/R9FFzrvyEsFE6BdjBLBgNVHREERDBCgg5teC5leGFtcGxlLmNvbYINKi5leGFt
        cGxlLm5ldIIJbG9jYWxob3N0hwR/AAABhxAAAAAAAAAAAAAAAAAAAAABMB8GA1Ud
        IwQYMBaAFItC95DXI8P1tIQWUo20srBabdk7MAoGCCqGSM49BAMCA0gAMEUCIH/g
        IrVaW957mlwVAMaixkLM8NMloIzun1oIcOkNgeOUAiEAqHSjT0mV+LMdoEQdq/2d
        VJ8WfrEinLhecZbg2ElVr40=
        -----END CERTIFICATE-----
        """

    /// The key of ``weakCertificate``.
    public static let weakKey = """
        -----BEGIN PRIVATE KEY-----
        MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALAEVf1CJE3Xpnv/
        odernjHj4hWYOm1jtxitFNtZsSe7K1/AXudjvgvRwnSYt02wt4dbtiSpMxUiuhP6
        G0mAEdGC2HfJjCISLjbwHuH70T7juvdtRWFfGh0vmsuE1LPeLUmS3CXh09kwRu99
        2xekWOsiU0oEN3w71sIhuyt6gBe1AgMBAAECgYA78j4W8t/KYxegQ3+rJBfMhgAJ
        ur6rYrqI/OmNiw56qZQsGCg6Rg4DmHzRmPFU1EqtHt75vWZYXGtjQlrovWVTlKG9
        ImwU/jdwdExCc5R7VulIZ3ZmQsZK19I6XCsRsHR1ZtWsR76H9NQydUxuYlW0prrz
        nH08xSKrED1IkfK+QQJBAN/EYi13WKNEQG/1CqcwfXp9kVBpYTVEURGPKh2J84Ta
        +6cYG2cCcgjZoAYUntwtmmin4UtVBuWmPOnSBTEC8JMCQQDJXx7rza60sIno/J6g
        hcqjujH8kywZ6Ln4pHiunbk+Rk8TdgMrO6j/GS2XuB2XH9uAaw+iHotUulYFt1EN
        5quXAkAE2TB3Y7qb7wKmalzMupQ9bzMS1vWwPcaz5rI26aJJIqWJPVB6rubhojWB
        bDj09FgAJIMRKsp3d16iglZydWnZAkEAuyRlbiuGk3IFmLs9CF2Ohz6BOgPkVmfM
        fWEMrurxvwhEcQeZxlH5qqnRj1CSX2JB8kSNENNmFWXekA1fjJW1HQJBAN03eJ78
        K5xDgSGDdbJOtWdl4epoX16o5jntWp9z2E3Y9Wl0Y7pRUv8vZFUvP7vrTYuhY+JY
        GZKucrOotE9ULv4=
        -----END PRIVATE KEY-----
        """

    /// P-256, until 2021.
    public static let expiredCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICBTCCAaqgAwIBAgIUV9mCIgNpeuRKqgE3xvouIa632RswCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwHhcNMjAwMTAx
        MDAwMDAwWhcNMjEwMTAxMDAwMDAwWjAZMRcwFQYDVQQDDA5teC5leGFtcGxlLmNv
        bTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPHqvCK81pZRQQqugFgtSwxKiLfV
        oLlLX38N15fd/arOMEaugmEoqNHjTLJSSggJb9/G4VN7DMVfARfvr78l+aOjgcMw
        gcAwDAYDVR0TAQH/BAIwADAOBgNVHQ8BAf8EBAMCB4AwEwYDVR0lBAwwCgYIKwYB
        BQUHAwEwHQYDVR0OBBYEFCIQDTMcN5zRUksKLvTTPx9/YuQOMEsGA1UdEQREMEKC
        Dm14LmV4YW1wbGUuY29tgg0qLmV4YW1wbGUubmV0gglsb2NhbGhvc3SHBH8AAAGH
        EAAAAAAAAAAAAAAAAAAAAAEwHwYDVR0jBBgwFoAUi0L3kNcjw/W0hBZSjbSysFpt
        2TswCgYIKoZIzj0EAwIDSQAwRgIhAITkbLgJN8+xHL0AYzOCSmdfk20/5hDxPGH4
        HpdLd4cTAiEAxOGkF+TdXGYcRxS+E0ej/rV0EogQgswq86/TnDU9jWE=
        -----END CERTIFICATE-----
        """

    /// The key of ``expiredCertificate``.
    public static let expiredKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOj+k5Hze61BNA/dX
        zNOouYYUvHDjeCdY6jtvOMTmTvShRANCAATx6rwivNaWUUEKroBYLUsMSoi31aC5
        S19/DdeX3f2qzjBGroJhKKjR40yyUkoICW/fxuFTewzFXwEX76+/Jfmj
        -----END PRIVATE KEY-----
        """

    /// P-256, from 2119 on.
    public static let futureCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICBzCCAa6gAwIBAgIUAPD7J7gSXevA6yk/Z/dInzCz1jYwCgYIKoZIzj0EAwIw
        JTEjMCEGA1UEAwwaTWFpbHJhY2UgVGVzdCBJbnRlcm1lZGlhdGUwIhgPMjExOTAx
        MDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUGA1UEAwwObXguZXhhbXBs
        ZS5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQjNjj2LSAqwO5pxaaC5nAg
        Ej6JERBnPyM6VG4dYhafgyKbnN5VBE/e1kP6ZiiFdjUFJbhWIlxdR1xic6NKp5zs
        o4HDMIHAMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoG
        CCsGAQUFBwMBMB0GA1UdDgQWBBRG2etFcmBPAvazSCIXwRHugPNSKDBLBgNVHREE
        RDBCgg5teC5leGFtcGxlLmNvbYINKi5leGFtcGxlLm5ldIIJbG9jYWxob3N0hwR/
        AAABhxAAAAAAAAAAAAAAAAAAAAABMB8GA1UdIwQYMBaAFItC95DXI8P1tIQWUo20
        srBabdk7MAoGCCqGSM49BAMCA0cAMEQCIHqie3mcVvcqpTefXAQIpPd8pUHTVkwx
        Hwj8DdDd2mxNAiBmzGGiuxLMaovLn2DFmuEIRWoG+I31vKVHwJuZpxiIbg==
        -----END CERTIFICATE-----
        """

    /// The key of ``futureCertificate``.
    public static let futureKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgE1NK/sDM7F1yLiFb
        blJL36HBBOslZD3xgCXXiBXLu9ahRANCAAQjNjj2LSAqwO5pxaaC5nAgEj6JERBn
        PyM6VG4dYhafgyKbnN5VBE/e1kP6ZiiFdjUFJbhWIlxdR1xic6NKp5zs
        -----END PRIVATE KEY-----
        """
}
